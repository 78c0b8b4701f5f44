// Enhanced Input for a world: its buttons become actions, the keys it suggests a mapping context.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "UObject/Object.h"
#include "DreamportInput.generated.h"

class APlayerController;
class UDreamportWorldComponent;
class UEnhancedInputComponent;
class UInputAction;
class UInputMappingContext;
struct FInputActionInstance;

/** Keys of one local player, bound to one world component. */
UCLASS(Transient)
class UDreamportInput : public UObject
{
	GENERATED_BODY()

public:
	/** Maps the world's keys for a player. False when the player has no Enhanced Input component. */
	bool Bind(UDreamportWorldComponent* Target, const FDreamportWorldInfo& World, APlayerController* Player);
	void Unbind();

private:
	void OnDown(const FInputActionInstance& Instance);
	void OnUp(const FInputActionInstance& Instance);
	void OnLook(const FInputActionInstance& Instance);
	FName ButtonOf(const UInputAction* Action) const;

	UPROPERTY(Transient)
	TObjectPtr<UInputMappingContext> Context;

	UPROPERTY(Transient)
	TArray<TObjectPtr<UInputAction>> Actions;

	UPROPERTY(Transient)
	TObjectPtr<UInputAction> Look;

	UPROPERTY(Transient)
	TArray<FName> Names;

	TWeakObjectPtr<UDreamportWorldComponent> World;
	TWeakObjectPtr<APlayerController> Owner;
	TWeakObjectPtr<UEnhancedInputComponent> Component;
	TArray<uint32> Handles;
};
