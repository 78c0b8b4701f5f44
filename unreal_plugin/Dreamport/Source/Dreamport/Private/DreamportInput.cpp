#include "DreamportInput.h"

#include "DreamportWorldComponent.h"
#include "Engine/LocalPlayer.h"
#include "EnhancedInputComponent.h"
#include "EnhancedInputSubsystems.h"
#include "GameFramework/PlayerController.h"
#include "InputAction.h"
#include "InputCoreTypes.h"
#include "InputMappingContext.h"

bool UDreamportInput::Bind(UDreamportWorldComponent* Target, const FDreamportWorldInfo& Info, APlayerController* Player)
{
	Unbind();
	UEnhancedInputComponent* Input = Player != nullptr ? Cast<UEnhancedInputComponent>(Player->InputComponent) : nullptr;
	UEnhancedInputLocalPlayerSubsystem* Subsystem = Player != nullptr ? ULocalPlayer::GetSubsystem<UEnhancedInputLocalPlayerSubsystem>(Player->GetLocalPlayer()) : nullptr;
	if (Input == nullptr || Subsystem == nullptr)
	{
		return false;
	}
	World = Target;
	Owner = Player;
	Component = Input;
	Context = NewObject<UInputMappingContext>(this);
	for (const FDreamportButton& Button : Info.Buttons)
	{
		UInputAction* Action = NewObject<UInputAction>(this);
		Action->ValueType = EInputActionValueType::Boolean;
		Action->bConsumeInput = false;
		for (const FName& Key : Button.Keys)
		{
			Context->MapKey(Action, FKey(Key));
		}
		Handles.Add(Input->BindAction(Action, ETriggerEvent::Started, this, &UDreamportInput::OnDown).GetHandle());
		Handles.Add(Input->BindAction(Action, ETriggerEvent::Completed, this, &UDreamportInput::OnUp).GetHandle());
		Handles.Add(Input->BindAction(Action, ETriggerEvent::Canceled, this, &UDreamportInput::OnUp).GetHandle());
		Actions.Add(Action);
		Names.Add(Button.Name);
	}
	Look = NewObject<UInputAction>(this);
	Look->ValueType = EInputActionValueType::Axis2D;
	Look->bConsumeInput = false;
	Context->MapKey(Look, EKeys::Mouse2D);
	Handles.Add(Input->BindAction(Look, ETriggerEvent::Triggered, this, &UDreamportInput::OnLook).GetHandle());
	Subsystem->AddMappingContext(Context, 0);
	return true;
}

void UDreamportInput::Unbind()
{
	if (UEnhancedInputComponent* Input = Component.Get())
	{
		for (const uint32 Handle : Handles)
		{
			Input->RemoveBindingByHandle(Handle);
		}
	}
	const APlayerController* Player = Owner.Get();
	if (Player != nullptr && Context != nullptr)
	{
		if (UEnhancedInputLocalPlayerSubsystem* Subsystem = ULocalPlayer::GetSubsystem<UEnhancedInputLocalPlayerSubsystem>(Player->GetLocalPlayer()))
		{
			Subsystem->RemoveMappingContext(Context);
		}
	}
	Handles.Reset();
	Actions.Reset();
	Names.Reset();
	Context = nullptr;
	Look = nullptr;
	Component = nullptr;
}

FName UDreamportInput::ButtonOf(const UInputAction* Action) const
{
	for (int32 Index = 0; Index < Actions.Num(); ++Index)
	{
		if (Actions[Index] == Action)
		{
			return Names[Index];
		}
	}
	return NAME_None;
}

void UDreamportInput::OnDown(const FInputActionInstance& Instance)
{
	if (UDreamportWorldComponent* Target = World.Get())
	{
		Target->SetButton(ButtonOf(Instance.GetSourceAction()), true);
	}
}

void UDreamportInput::OnUp(const FInputActionInstance& Instance)
{
	if (UDreamportWorldComponent* Target = World.Get())
	{
		Target->SetButton(ButtonOf(Instance.GetSourceAction()), false);
	}
}

void UDreamportInput::OnLook(const FInputActionInstance& Instance)
{
	if (UDreamportWorldComponent* Target = World.Get())
	{
		// Mouse axes: right and up. Look: right and down.
		const FVector2D Moved = Instance.GetValue().Get<FVector2D>();
		Target->AddLook(static_cast<float>(Moved.X) * Target->LookSpeed, static_cast<float>(-Moved.Y) * Target->LookSpeed);
	}
}
